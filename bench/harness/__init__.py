"""./dev bench: measures the release program beside yardsticks that stand in the tree."""
