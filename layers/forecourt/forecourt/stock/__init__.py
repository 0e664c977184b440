"""Stock: each dealership's vehicles equal its EasyCars feed, every night."""
