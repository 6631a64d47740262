"""From stored predictions to every number that a report shows, with its interval."""
