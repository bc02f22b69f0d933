"""What a command shows at its end, one file a screen."""
