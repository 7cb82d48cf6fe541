"""A whole job within a budget: the goal, the plan, its decisions and their evidence."""
