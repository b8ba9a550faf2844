"""The gateway: takes jobs from people, hands them to engines, keeps both honest."""
