"""Run tables: reading and checking them, units, formats, schedules and public data sets."""
