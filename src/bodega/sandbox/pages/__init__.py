"""What people see of the sandbox: one page with mails, messages, payments and parcels, and a page for each."""
