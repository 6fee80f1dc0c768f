"""Files on a disk or in an object store: written whole or not at all, with errors that say what to do."""
