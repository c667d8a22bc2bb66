"""What models there are, what is known of them, and their way to the Hub."""
