"""Family supabase against a gateway with PostgREST behind it."""
