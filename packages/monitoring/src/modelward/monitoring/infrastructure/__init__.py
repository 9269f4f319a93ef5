"""Infrastructure: the workflows, services and machines that models depend on."""
