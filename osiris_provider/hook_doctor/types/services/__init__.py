"""Files, mail, messages and shells."""
