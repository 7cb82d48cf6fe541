"""Target models whose training rows can be valued."""
