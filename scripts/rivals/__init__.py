"""What others host the same app with, for the failure matrix side by side."""
