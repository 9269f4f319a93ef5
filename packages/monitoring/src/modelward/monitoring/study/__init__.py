"""Study: how often each drift method alarms without a change, finds one, how soon, and at what cost."""
