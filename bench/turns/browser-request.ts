// The fields that a browser sends with a request for a page: as many and as long as those of a usual one, with a cookie; with Host, which the load
// generator adds, 15 fields and some 900 bytes.

/** "Name: value" each. */
export const browserFields: readonly string[] = [
  'Connection: keep-alive',
  'Cache-Control: max-age=0',
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  'Cookie: PHPSESSID=9m2q4rj1v0c8k7t6e5b3n1a0zx; _ga=GA1.1.1234567890.1700000000; theme=dark; consent=necessary%2Cstatistics; last_seen=1764300000',
];
