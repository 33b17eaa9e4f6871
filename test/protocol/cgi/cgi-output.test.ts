import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../../src/errors.ts';
import { localRedirectOf } from '../../../src/protocol/cgi/cgi-head.ts';
import { CgiOutput, defaultOutputLimits, KnownHeads } from '../../../src/protocol/cgi/cgi-output.ts';
import { type CgiHead, nothingMade } from '../../../src/protocol/cgi/exchange.ts';

interface Seen {
  readonly heads: CgiHead[];
  body: string;
}

/** What an output of these pieces (byte strings) turns into; throws what the parser throws. */
function read(pieces: readonly string[], isAnswered = true): Seen {
  const seen: Seen = { heads: [], body: '' };
  const output = new CgiOutput({
    head: (head) => seen.heads.push(head),
    write: (chunk) => {
      seen.body += Buffer.from(chunk).toString('latin1');
      return isAnswered;
    },
  });
  for (const piece of pieces) output.push(Buffer.from(piece, 'latin1'));
  output.end();
  return seen;
}

const answers: [title: string, output: string, status: number, headers: string[], body: string][] = [
  ['a document', 'Content-Type: text/plain\n\nhello', 200, ['Content-Type', 'text/plain'], 'hello'],
  ['lines that end in CRLF', 'A: b\r\nC: d\r\n\r\nhello\r\n', 200, ['A', 'b', 'C', 'd'], 'hello\r\n'],
  ['lines that end in either', 'A: b\nC: d\r\n\nhello', 200, ['A', 'b', 'C', 'd'], 'hello'],
  ['no body', 'A: b\n\n', 200, ['A', 'b'], ''],
  ['a Status with a reason', 'Status: 404 Not here\nA: b\n\nx', 404, ['A', 'b'], 'x'],
  ['a Status alone', 'Status: 204\n\n', 204, [], ''],
  ['a client redirect', 'Location: http://other/\n\n', 302, ['Location', 'http://other/'], ''],
  ['a client redirect with document', 'Location: /a\nA: b\n\nx', 302, ['Location', '/a', 'A', 'b'], 'x'],
  ['a Location with a Status', 'Status: 201\nLocation: /a\n\n', 201, ['Location', '/a'], ''],
  ['a Location that begins with //', 'Location: //other/\n\n', 302, ['Location', '//other/'], ''],
  ['blanks around a value', 'A: \t b c \t\n\n', 200, ['A', 'b c'], ''],
  ['bytes above 127, also one that looks like a blank', 'A: \xc3\xa0\n\n', 200, ['A', '\xc3\xa0'], ''],
  ['a status line of its own (NPH)', 'HTTP/1.0 301 Moved\r\nLocation: /b\r\n\r\n', 301, ['Location', '/b'], ''],
  ['the same Content-Length twice', 'Content-Length: 1\ncontent-length: 1\n\nx', 200, ['Content-Length', '1'], 'x'],
  [
    'hop-by-hop fields, which are dropped',
    'A: b\nTransfer-Encoding: chunked\nKeep-Alive: 1\nTE: x\nTrailer: x\nUpgrade: h2c\nProxy-Connection: x\n\n',
    200,
    ['A', 'b'],
    '',
  ],
  ['what Connection names, which is dropped', 'A: b\nX-Hop: 1\nConnection: close, x-hop\n\n', 200, ['A', 'b'], ''],
  ['an empty line first, and then its body', '\nA: b\n\nc', 200, [], 'A: b\n\nc'],
  ['an empty line that ends in CRLF first', '\r\nbody', 200, [], 'body'],
  ['an empty line alone', '\n', 200, [], ''],
  ['a Status with letters at once after the number', 'Status: 200OK\n\n', 200, [], ''],
  ['a Status with a dash after the number', 'Status: 404-Not-Found\n\nx', 404, [], 'x'],
  ['a Status of zeros and a sign before its number', 'Status: +0404 Zero\n\n', 404, [], ''],
  ['Status 600', 'Status: 600 Six\n\n', 600, [], ''],
  ['Status 999', 'Status: 999\n\n', 999, [], ''],
  ['two Status lines, the last of which counts', 'Status: 404 A\nStatus: 403 B\n\n', 403, [], ''],
  [
    'two Content-Types, the last of which counts',
    'Content-Type: a/b\nA: b\ncontent-type: c/d\n\n',
    200,
    ['Content-Type', 'c/d', 'A', 'b'],
    '',
  ],
  [
    'a redirect with a fragment, which is for the client',
    'Location: /page#part\n\n',
    302,
    ['Location', '/page#part'],
    '',
  ],
  ['a field named __proto__', '__proto__: x\n\n', 200, ['__proto__', 'x'], ''],
];

const refused: [title: string, output: string][] = [
  ['nothing at all', ''],
  ['text without a header', 'hello world'],
  ['text of several lines without a header', 'hello\nworld\n\nmore'],
  ['a header that does not end', 'A: b\nC: d\n'],
  ['text that holds a colon', 'Cannot connect: refused\n\nmore'],
  ['a line without a colon', 'A: b\nnothing\n\n'],
  ['a folded line', 'A: b\n c\n\n'],
  ['a folded line with a colon', 'A: b\n c: d\n\n'],
  ['a control byte in a line that is no field', '<!\x1b: b\n\n'],
  ['Status 1000', 'Status: 1000 Odd\n\n'],
  ['Status 2001', 'Status: 2001\n\n'],
  ['a negative Status', 'Status: -200\n\n'],
  ['NUL in a value', 'A: b\0c\n\n'],
  ['CR in a value', 'A: b\rc\n\n'],
  ['another control byte', 'A: b\x1b[31m\n\n'],
  ['DEL', 'A: b\x7f\n\n'],
  ['Status 101', 'Status: 101\n\n'],
  ['Status 100', 'Status: 100 Continue\n\n'],
  ['Status 99', 'Status: 99\n\n'],
  ['Status that is no number', 'Status: OK\n\n'],
  ['an empty Status', 'Status:\n\n'],
  ['two Content-Lengths', 'Content-Length: 1\nContent-Length: 2\n\nx'],
  ['a negative Content-Length', 'Content-Length: -1\n\nx'],
  ['a listed Content-Length', 'Content-Length: 1, 1\n\nx'],
  ['an empty Content-Length', 'Content-Length:\n\nx'],
  ['a status line that is none', 'HTTP/1.1 abc\r\n\r\n'],
  ['only a 103', 'Status: 103\nLink: </a>\n\n'],
];

describe('the output of a CGI program', () => {
  for (const [title, output, status, headers, body] of answers) {
    it(`may be ${title}`, () => {
      const seen = read([output]);
      assert.equal(seen.heads.length, 1);
      assert.equal(seen.heads[0]!.status, status);
      assert.deepEqual(seen.heads[0]!.headers, headers);
      assert.equal(seen.body, body);
    });
    it(`may be ${title}, one byte at a time`, () => {
      assert.deepEqual(read([...output]), read([output]));
    });
  }

  for (const [title, output] of refused) {
    it(`is refused for ${title}`, () => {
      assert.throws(() => read([output]), isInvalid);
      assert.throws(() => read([...output]), isInvalid);
    });
  }

  const lost: [title: string, line: string][] = [
    ["a comment of Python's cgitb", '<!--: spam'],
    ['a blank in its name', 'A B: c'],
    ['a blank before the colon', 'A : c'],
    ['an empty name', ': b'],
  ];
  for (const [title, line] of lost) {
    it(`loses a line that is no field, not the answer: ${title}`, () => {
      const { heads, body } = read([`${line}\nC: d\n\nx`]);
      assert.deepEqual(heads, [{ status: 200, reason: '', headers: ['C', 'd'], lostLines: [line] }]);
      assert.equal(body, 'x');
    });
  }

  it('names the first few lines that it loses, cut and with their bytes as they are', () => {
    const { heads } = read([`${'A B: c\n'.repeat(9)}C: d\n\n`]);
    assert.deepEqual(heads[0]!.lostLines, ['A B: c', 'A B: c', 'A B: c']);
    assert.deepEqual(read([`A B: ${'x'.repeat(900)}\nC: d\n\n`]).heads[0]!.lostLines![0]!.length, 100);
  });

  it('gives no reason of its own where its Status is not a number, a blank and a reason', () => {
    assert.equal(read(['Status: 404-Not-Found\n\n']).heads[0]!.reason, '');
    assert.equal(read(['Status: 404 Gone fishing\n\n']).heads[0]!.reason, 'Gone fishing');
  });

  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\nA: b\r\n\r\n';
  it('has its chunks taken off where it speaks HTTP itself (NPH)', () => {
    const output = `${chunked}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n`;
    assert.deepEqual(read([output]), { heads: [{ status: 200, reason: 'OK', headers: ['A', 'b'] }], body: 'abcde' });
    assert.deepEqual(read([...output]), read([output]));
  });

  it('is cut where its last chunk did not come, and invalid where its chunks are none', () => {
    assert.throws(() => read([`${chunked}3\r\nab`]), { code: 'ANSWER_TRUNCATED' });
    assert.throws(() => read([`${chunked}abc\n`]), isInvalid);
    assert.throws(() => read(['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n']), isInvalid);
  });

  it('may leave out its chunks where it has no body', () => {
    assert.equal(read([chunked]).body, '');
  });

  const known: [title: string, output: string, isKnown: boolean][] = [
    ['its Content-Length is reached', 'Content-Length: 2\n\nab', true],
    ['its Content-Length is passed', 'Content-Length: 2\n\nabc', true],
    ['its Content-Length is not reached', 'Content-Length: 3\n\nab', false],
    ['it gave none', 'A: b\n\nab', false],
    ['its last chunk came', `${chunked}0\r\n\r\n`, true],
    ['its last chunk did not come', `${chunked}1\r\na`, false],
    ['its header is not complete', 'Content-Length: 0\n', false],
  ];
  for (const [title, text, isKnown] of known) {
    it(`is ${isKnown ? '' : 'not '}known to be whole where ${title}`, () => {
      const output = new CgiOutput({ head: () => {}, write: () => true });
      output.push(Buffer.from(text));
      assert.equal(output.isKnownWhole, isKnown);
    });
  }

  it('may have a 103 before its answer', () => {
    const seen = read(['Status: 103 Early Hints\nLink: </a>\n\nStatus: 200 OK\nA: b\n\nbody']);
    assert.deepEqual(seen.heads, [
      { status: 103, reason: 'Early Hints', headers: ['Link', '</a>'] },
      { status: 200, reason: 'OK', headers: ['A', 'b'] },
    ]);
    assert.equal(seen.body, 'body');
  });

  it('is refused for a header above 64 KiB, whether it comes at once or in pieces', () => {
    const output = `A: ${'x'.repeat(65_536)}\n\n`;
    assert.throws(() => read([output]), isInvalid);
    assert.throws(() => read(output.match(/.{1,1000}/gs)!), isInvalid);
    assert.throws(() => read(Array(100).fill('x'.repeat(1_000))), isInvalid);
  });

  it('may have a body of any size behind a small header', () => {
    assert.equal(read([`A: b\n\n${'x'.repeat(100_000)}`]).body.length, 100_000);
  });

  it('is refused for more than 200 fields', () => {
    assert.equal(read([`${'A: b\n'.repeat(200)}\n`]).heads[0]!.headers.length, 400);
    assert.throws(() => read([`${'A: b\n'.repeat(201)}\n`]), isInvalid);
  });

  it('tells when the sink wants no more', () => {
    const output = new CgiOutput({ head: () => {}, write: () => false });
    assert.equal(output.push(Buffer.from('A: b\n')), true);
    assert.equal(output.push(Buffer.from('\nbody')), false);
    assert.equal(output.push(Buffer.from('more')), false);
  });

  it('has a message that shows the line, with its control bytes escaped', () => {
    assert.throws(() => read(['A: b\nfoo\x1b[31m\n\n']), /"foo\\u001b\[31m"/);
  });
});

describe('localRedirectOf()', () => {
  const heads: [output: string, target: string | null][] = [
    ['Location: /a?b\n\n', '/a?b'],
    ['location: /a\n\n', '/a'],
    ['Location: /a\nA: b\n\n', null],
    ['Status: 302\nLocation: /a\n\n', null],
    ['Location: //other/\n\n', null],
    ['Location: http://other/\n\n', null],
    ['A: b\n\n', null],
    ['Status: 200\n\n', null],
    ['Location: /a#b\n\n', null],
  ];
  for (const [output, target] of heads) {
    it(`is ${target} for ${JSON.stringify(output)}`, () => {
      assert.equal(localRedirectOf(read([output]).heads[0]!), target);
    });
  }
});

function isInvalid(error: unknown): boolean {
  return error instanceof PosternError && error.code === 'ANSWER_INVALID';
}

describe('KnownHeads', () => {
  it('gives the same head for the same text, and another one for any other', () => {
    const known = new KnownHeads();
    const text = 'Content-Type: text/html\r\n\r\n';
    const first = known.read(text, 200);
    assert.equal(known.read(text, 200), first);
    assert.deepEqual(first.head.made, nothingMade());
    const other = known.read('Status: 404\r\nContent-Type: text/html\r\n\r\n', 200);
    assert.equal(other.head.status, 404);
    assert.equal(known.read(text, 200).head.status, 200);
  });

  it('changes nothing of what is read, however answers are cut and follow each other', () => {
    const a = 'Content-Type: text/html\r\n\r\n';
    const b = 'Status: 103\nLink: </a>\n\n';
    const c = 'Content-Type: text/html\r\n\r\n\r\n';
    const answers = [
      a,
      `${a}body`,
      `${b}${a}body`,
      `${a}other`,
      b + b + a,
      c,
      `${a.slice(0, -2)}X: y\r\n\r\n`,
      'A: b\n\nc',
    ];
    const read = (text: string, cutAt: number, known: KnownHeads | null): string => {
      let said = '';
      const sink = {
        head: (head: CgiHead) => {
          said += JSON.stringify([head.status, head.headers]);
        },
        write: (chunk: Uint8Array) => {
          said += Buffer.from(chunk).toString('latin1');
          return true;
        },
      };
      const output = new CgiOutput(sink, defaultOutputLimits, known);
      for (const part of [text.slice(0, cutAt), text.slice(cutAt)]) if (part !== '') output.push(Buffer.from(part));
      return said;
    };
    const known = new KnownHeads();
    for (const before of answers) {
      for (const text of answers) {
        for (let cutAt = 0; cutAt < text.length; cutAt += 3) {
          for (const answer of [before, text])
            assert.equal(read(answer, answer === text ? cutAt : 0, known), read(answer, answer.length, null));
        }
      }
    }
  });

  it('remembers no long head, none with lost lines, and none that is invalid', () => {
    const known = new KnownHeads();
    for (const text of [`X: ${'x'.repeat(600)}\r\n\r\n`, '<!--: spam\r\nA: b\r\n\r\n']) {
      assert.notEqual(known.read(text, 200), known.read(text, 200));
      assert.equal(known.read(text, 200).head.made, undefined);
    }
    for (let round = 0; round < 2; round += 1)
      assert.throws(() => known.read('no header\r\n\r\n', 200), { code: 'ANSWER_INVALID' });
  });

  it('holds no more than so many, however many come', () => {
    const known = new KnownHeads();
    for (let count = 0; count < 1_000; count += 1) {
      assert.deepEqual(known.read(`A: ${count}\r\n\r\n`, 200).head.headers, ['A', String(count)]);
    }
  });
});
