// Formats the head of an HTTP/1.1 answer (RFC 9112, section 4) as one byte string. Pure.

import { isNamed } from './headers.ts';

/** The head of an answer but for the lines that its framing adds and the empty line at its end. */
export interface AnswerHead {
  readonly text: string;
  /** From Content-Length among the headers; -1: there is none. */
  readonly declaredLength: number;
  /** Whether Date is among the headers. */
  readonly hasDate: boolean;
}

const reasons: Readonly<Record<number, string>> = {
  100: 'Continue',
  102: 'Processing',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  208: 'Already Reported',
  226: 'IM Used',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  418: "I'm a Teapot",
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  510: 'Not Extended',
  511: 'Network Authentication Required',
};

const statusLines: readonly string[] = Array.from(
  { length: 600 },
  (_, status) => `HTTP/1.1 ${status} ${reasons[status] ?? ''}\r\n`,
);

/**
 * @param headers name, value, name, value; checked already
 * @param hasLength whether an answer of this status may have a Content-Length: else that field is left out
 */
export function formatAnswerHead(status: number, headers: readonly string[], hasLength: boolean): AnswerHead {
  let text = statusLines[status] ?? statusLines[500]!;
  let declaredLength = -1;
  let hasDate = false;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    const value = headers[at + 1]!;
    if (isNamed(name, 'content-length')) {
      if (!hasLength || declaredLength !== -1 || !/^[0-9]{1,15}$/.test(value)) continue;
      declaredLength = Number(value);
    } else if (isNamed(name, 'date')) {
      hasDate = true;
    }
    text += `${name}: ${value}\r\n`;
  }
  return { text, declaredLength, hasDate };
}
