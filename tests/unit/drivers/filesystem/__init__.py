"""What reading and writing files is made of."""
