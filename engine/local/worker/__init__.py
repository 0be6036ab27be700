"""The process that alone imports torch: it hosts the local models and answers the console over a pipe."""
