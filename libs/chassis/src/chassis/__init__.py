"""What every GrowFit service needs to stand. No domain word lives here."""
