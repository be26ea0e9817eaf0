"""Country packs: what a country's papers are and what Kazakhstan asks of them, as dated rules with their sources."""
