"""What a channel partner does about the institutions it looks after; none of it shows a customer."""
