"""What the machine has, and the plan that is made from it."""
