"""Published weights between the hub and this machine: what is asked for, what came, and what it must be."""
