"""The one configuration file of both programs: its values, its tables, its strict reader."""
