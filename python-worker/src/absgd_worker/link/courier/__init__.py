"""The courier: the process that does all the telling for a process that trains. It never imports torch."""
