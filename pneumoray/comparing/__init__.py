"""Configurations of a study against each other: the leaderboard, an axis, what gives doubt."""
