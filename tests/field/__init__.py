"""Situations in which values change or rows are lost elsewhere: the situation, the input, the right value."""
