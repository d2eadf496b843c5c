"""Keep the sums that the overview shows, from what has moved since."""
