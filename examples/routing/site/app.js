document.title = "Front end";
