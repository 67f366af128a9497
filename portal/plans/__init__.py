"""Plans: paying in parts, proposed and followed."""
