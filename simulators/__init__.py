"""The outside world played by separate processes and client code: phones, passports, banks, networks, agencies."""
