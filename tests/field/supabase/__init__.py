"""The Data API of Supabase."""
