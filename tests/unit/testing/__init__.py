"""The contracts that third parties inherit: what breaks them is noticed."""
