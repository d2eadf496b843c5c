"""What an institution's staff set for themselves: how customers' pages look, the team, and where staff sign in."""
