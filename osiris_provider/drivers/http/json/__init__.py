"""JSON as columns: what type a column has, and which values it takes."""
