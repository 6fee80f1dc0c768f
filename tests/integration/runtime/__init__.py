"""What is kept between runs, on real storage."""
