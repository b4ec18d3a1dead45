// Where the backend is. At home, behind a name and TLS: https://api.example.com
const API_BASE_URL = 'http://127.0.0.1:3000';
