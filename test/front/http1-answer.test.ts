import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { type AnswerConnection, Http1Answer, type SpareBlock } from '../../src/front/http1-answer.ts';
import { listening } from '../support/recording-answer.ts';

/** A connection that keeps what it is told. */
class Recorder implements AnswerConnection {
  mayKeepAlive = true;
  hasRoom = true;
  readonly taken = (): number => 0;
  readonly dateLine = 'Date: now\r\n';
  readonly spare: SpareBlock = { block: null };
  /** Whether the system takes all at once; else what was sent last is held, as a socket holds it. */
  isFlushed = true;
  held: Buffer | null = null;
  readonly sent: string[] = [];
  /** The bytes that were sent last, themselves. */
  last: Buffer | null = null;
  outcome = 'open';

  send(data: string | Buffer): boolean {
    if (typeof data !== 'string') this.last = data;
    this.sent.push(typeof data === 'string' ? data : data.toString('latin1'));
    if (typeof data !== 'string' && !this.isFlushed) this.held = data;
    return this.hasRoom;
  }

  completed(keepsAlive: boolean): void {
    this.outcome = keepsAlive ? 'kept' : 'closed';
  }

  openTunnel(): { resume(): void } {
    return { resume: () => {} };
  }
  cut(looksWhole: boolean): void {
    this.outcome = looksWhole ? 'reset' : 'cut';
  }
}

function answerTo(method = 'GET', version = '1.1'): { connection: Recorder; answer: Http1Answer } {
  const connection = new Recorder();
  return { connection, answer: new Http1Answer(connection, { method, version }) };
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const failure = new PosternError('ANSWER_TRUNCATED', 'a test');

describe('a small answer', () => {
  it('leaves as one write, with its length', () => {
    const { connection, answer } = answerTo();
    answer.head(200, ['A', 'b']);
    answer.write(bytes('hel'));
    answer.write(bytes('l\xf6'));
    assert.deepEqual(connection.sent, []);
    answer.end();
    assert.deepEqual(connection.sent, ['HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\nDate: now\r\n\r\nhell\xf6']);
    assert.equal(connection.outcome, 'kept');
  });

  it('leaves as one write without a body', () => {
    const { connection, answer } = answerTo();
    answer.head(302, ['Location', '/a']);
    answer.end();
    assert.deepEqual(connection.sent, ['HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\nDate: now\r\n\r\n']);
  });

  it('copies what it was lent', () => {
    const { connection, answer } = answerTo();
    const lent = bytes('hello');
    answer.head(200, ['Date', 'then']);
    answer.write(lent);
    lent.fill(0x78);
    answer.end();
    assert.match(connection.sent.join(''), /Date: then\r\nContent-Length: 5\r\n\r\nhello$/);
  });

  it('says when the connection ends', () => {
    const { connection, answer } = answerTo();
    connection.mayKeepAlive = false;
    answer.head(200, []);
    answer.end();
    assert.match(connection.sent.join(''), /\r\nConnection: close\r\n\r\n$/);
    assert.equal(connection.outcome, 'closed');
  });
});

describe('a longer answer', () => {
  it('leaves in chunks when flushed before its end', () => {
    const { connection, answer } = answerTo();
    answer.head(200, []);
    answer.write(bytes('hello '));
    answer.write(bytes('world'));
    answer.flush();
    answer.flush();
    answer.write(bytes('!'));
    answer.end();
    assert.deepEqual(connection.sent, [
      'HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n',
      '1\r\n!\r\n0\r\n\r\n',
    ]);
    assert.equal(connection.outcome, 'kept');
  });

  it('ends with the last chunk alone when nothing is left', () => {
    const { connection, answer } = answerTo();
    answer.head(200, []);
    answer.flush();
    answer.write(bytes('a'));
    answer.flush();
    answer.end();
    assert.deepEqual(connection.sent.slice(1), ['1\r\na\r\n', '0\r\n\r\n']);
  });

  it('is not chunked when its length is declared', () => {
    const { connection, answer } = answerTo();
    answer.head(200, ['Content-Length', '20000']);
    answer.write(bytes('a'));
    answer.write(bytes('b'.repeat(19_999)));
    answer.end();
    assert.deepEqual(connection.sent, [
      `HTTP/1.1 200 OK\r\nContent-Length: 20000\r\nDate: now\r\n\r\na${'b'.repeat(19_999)}`,
    ]);
    assert.equal(connection.outcome, 'kept');
  });

  it('ends with the connection on HTTP/1.0', () => {
    const { connection, answer } = answerTo('GET', '1.0');
    answer.head(200, []);
    answer.write(bytes('a'));
    answer.flush();
    answer.end();
    assert.deepEqual(connection.sent, ['HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\na']);
    assert.equal(connection.outcome, 'closed');
  });

  it('up to 64 KiB leaves as one write, with its length', () => {
    const { connection, answer } = answerTo();
    answer.head(200, []);
    for (let piece = 0; piece < 60; piece += 1) answer.write(bytes('a'.repeat(1_000)));
    answer.end();
    assert.deepEqual(connection.sent, [
      `HTTP/1.1 200 OK\r\nContent-Length: 60000\r\nDate: now\r\n\r\n${'a'.repeat(60_000)}`,
    ]);
  });

  it('leaves in blocks of 64 KiB, however it was written', () => {
    const { connection, answer } = answerTo();
    answer.head(200, []);
    for (const length of [10, 20_000, 100_000, 3]) answer.write(bytes('a'.repeat(length)));
    answer.end();
    const block = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const rest = 120_013 - 65_536;
    assert.deepEqual(connection.sent, [
      `HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n${block}`,
      `${rest.toString(16)}\r\n${'a'.repeat(rest)}\r\n0\r\n\r\n`,
    ]);
  });

  it('uses a block again once the system has taken it, and never one that the socket holds', () => {
    const { connection, answer } = answerTo();
    answer.head(200, []);
    answer.write(bytes('a'.repeat(65_536)));
    const first: Buffer = connection.spare.block!;
    connection.isFlushed = false;
    answer.write(bytes('b'.repeat(65_536)));
    assert.equal(connection.held?.buffer, first.buffer);
    assert.equal(connection.spare.block, null);
    const held = connection.held?.toString('latin1');
    connection.isFlushed = true;
    answer.write(bytes('c'.repeat(65_536)));
    answer.end();
    const { spare } = connection;
    assert.notEqual(spare.block?.buffer, first.buffer);
    assert.equal(Buffer.from(first.buffer).toString('latin1').includes('c'.repeat(9)), false);
    assert.equal(held, `10000\r\n${'b'.repeat(65_536)}\r\n`);
    assert.equal(connection.sent.at(-2), `10000\r\n${'c'.repeat(65_536)}\r\n`);
  });

  it('gives two answers at a time a block each', () => {
    const { connection, answer } = answerTo();
    const other = new Http1Answer(connection, { method: 'GET', version: '1.1' });
    for (const [one, letter] of [
      [answer, 'a'],
      [other, 'b'],
    ] as const) {
      one.head(200, []);
      one.write(bytes(letter.repeat(20_000)));
    }
    answer.end();
    other.end();
    assert.match(connection.sent[0]!, /\r\n\r\na{20000}$/);
    assert.match(connection.sent[1]!, /\r\n\r\nb{20000}$/);
  });

  it('leaves after a head that no block has room for', () => {
    const { connection, answer } = answerTo();
    const value = 'v'.repeat(5_000);
    answer.head(200, ['A', value]);
    answer.write(bytes('a'.repeat(20_000)));
    answer.end();
    assert.deepEqual(connection.sent, [
      `HTTP/1.1 200 OK\r\nA: ${value}\r\nContent-Length: 20000\r\nDate: now\r\n\r\n`,
      'a'.repeat(20_000),
    ]);
  });

  it('that nobody will change is not copied, unless it is short, is chunked or has no place', () => {
    const lasting = Buffer.alloc(65_537, 'a');
    const { connection, answer } = answerTo();
    answer.head(200, ['Content-Length', '65540']);
    answer.write(bytes('bcd'));
    connection.hasRoom = false;
    assert.equal(answer.writeLasting(lasting), false);
    assert.equal(connection.last!.buffer, lasting.buffer);
    answer.end();
    assert.match(
      connection.sent.join(''),
      /^HTTP\/1.1 200 OK\r\nContent-Length: 65540\r\nDate: now\r\n\r\nbcda{65537}$/,
    );
    assert.equal(connection.outcome, 'kept');
    for (const [method, headers, body] of [
      ['GET', ['Content-Length', '65536'], lasting.subarray(1)],
      ['GET', [], lasting],
      ['HEAD', ['Content-Length', '65537'], lasting],
    ] as const) {
      const other = answerTo(method);
      other.answer.head(200, headers);
      other.answer.writeLasting(body);
      other.answer.end();
      assert.notEqual(other.connection.last?.buffer, lasting.buffer);
      assert.equal(other.connection.outcome, 'kept');
    }
  });

  it('that nobody will change is cut at its declared length, too', () => {
    const { connection, answer } = answerTo();
    answer.head(200, ['Content-Length', '70000']);
    answer.writeLasting(Buffer.alloc(80_000, 'a'));
    answer.end();
    assert.match(connection.sent.join(''), /\r\n\r\na{70000}$/);
    assert.equal(connection.outcome, 'closed');
  });

  it('hands back what the connection says of its room', () => {
    const { connection, answer } = answerTo();
    connection.hasRoom = false;
    answer.head(200, []);
    assert.equal(answer.write(bytes('a')), true);
    assert.equal(answer.write(bytes('b'.repeat(65_536))), false);
    let drains = 0;
    answer.listener = listening({ drained: () => (drains += 1) });
    answer.drained();
    assert.equal(drains, 1);
  });
});

describe('an answer without a body', () => {
  for (const [title, method, status, head] of [
    ['HEAD', 'HEAD', 200, 'HTTP/1.1 200 OK\r\nDate: now\r\n\r\n'],
    ['204', 'GET', 204, 'HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n'],
    ['304', 'GET', 304, 'HTTP/1.1 304 Not Modified\r\nDate: now\r\n\r\n'],
  ] as const) {
    it(`has none for ${title}, though one was written, and the connection goes on`, () => {
      const { connection, answer } = answerTo(method);
      answer.head(status, []);
      answer.write(bytes('a'.repeat(100_000)));
      answer.flush();
      answer.write(bytes('b'));
      answer.end();
      assert.deepEqual(connection.sent, [head]);
      assert.equal(connection.outcome, 'kept');
    });
  }

  it('keeps the length that was declared for HEAD', () => {
    const { connection, answer } = answerTo('HEAD');
    answer.head(200, ['Content-Length', '12']);
    answer.end();
    assert.match(connection.sent.join(''), /\r\nContent-Length: 12\r\n/);
    assert.equal(connection.outcome, 'kept');
  });
});

describe('a declared length', () => {
  it('cuts a longer body there, and the connection ends', () => {
    const { connection, answer } = answerTo();
    answer.head(200, ['Content-Length', '3']);
    answer.write(bytes('hello'));
    answer.write(bytes('world'));
    answer.end();
    assert.match(connection.sent.join(''), /Connection: close\r\n\r\nhel$/);
    assert.equal(connection.outcome, 'closed');
  });

  it('makes an aborted answer of a shorter body', () => {
    const { connection, answer } = answerTo();
    answer.head(200, ['Content-Length', '9']);
    answer.write(bytes('hello'));
    answer.end();
    assert.match(connection.sent.join(''), /\r\n\r\nhello$/);
    assert.equal(connection.outcome, 'cut');
  });
});

describe('interim answers', () => {
  it('are sent at once, and the final one follows', () => {
    const { connection, answer } = answerTo();
    answer.head(103, ['Link', '</a>']);
    assert.equal(answer.headSent, false);
    assert.deepEqual(connection.sent, ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n']);
    answer.head(200, []);
    assert.equal(answer.headSent, true);
    answer.end();
    assert.equal(connection.sent.length, 2);
  });

  it('are not sent to a client of HTTP/1.0', () => {
    const { connection, answer } = answerTo('GET', '1.0');
    answer.head(103, []);
    assert.deepEqual(connection.sent, []);
  });
});

describe('abort()', () => {
  it('leaves a chunked answer without its last chunk', () => {
    const { connection, answer } = answerTo();
    answer.head(200, []);
    answer.write(bytes('hello'));
    answer.abort(failure);
    assert.match(connection.sent.join(''), /chunked\r\n\r\n5\r\nhello\r\n$/);
    assert.equal(connection.outcome, 'cut');
  });

  it('resets where the end of the connection would look like the end of the answer', () => {
    const { connection, answer } = answerTo('GET', '1.0');
    answer.head(200, []);
    answer.write(bytes('hello'));
    answer.flush();
    answer.abort(failure);
    assert.equal(connection.outcome, 'reset');
  });

  it('closes without a byte before the head', () => {
    const { connection, answer } = answerTo();
    answer.abort(failure);
    assert.deepEqual(connection.sent, []);
    assert.equal(connection.outcome, 'cut');
  });
});

describe('an answer that is over', () => {
  it('takes no more calls, and tells nobody that the client went', () => {
    const { connection, answer } = answerTo();
    let gone = 0;
    answer.listener = listening({ gone: () => (gone += 1) });
    answer.head(200, []);
    answer.end();
    const sent = connection.sent.length;
    answer.head(200, []);
    answer.write(bytes('a'));
    answer.flush();
    answer.end();
    answer.abort(failure);
    answer.gone();
    assert.equal(connection.sent.length, sent);
    assert.equal(connection.outcome, 'kept');
    assert.equal(gone, 0);
  });

  it('tells once that the client went, and takes no more calls', () => {
    const { connection, answer } = answerTo();
    let gone = 0;
    answer.listener = listening({ gone: () => (gone += 1) });
    answer.head(200, []);
    answer.gone();
    answer.gone();
    assert.equal(gone, 1);
    assert.equal(answer.write(bytes('a')), true);
    answer.end();
    answer.abort(failure);
    assert.deepEqual(connection.sent, []);
    assert.equal(connection.outcome, 'open');
  });
});
