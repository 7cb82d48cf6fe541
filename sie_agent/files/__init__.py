"""Files written whole or not at all, who made them, and readers with bounds for files of unknown origin."""
