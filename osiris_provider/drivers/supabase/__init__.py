"""Supabase: extractor and writer."""
