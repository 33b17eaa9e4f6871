// The account that all orders of a store share.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AcmeAccount } from '../../src/acme/account.ts';
import type { AcmeConnection } from '../../src/acme/acme-connection.ts';
import { KeptName } from '../../src/acme/kept-name.ts';
import { AcmeStore, authorityFolder } from '../../src/acme/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { RecordingLog } from '../support/recording-log.ts';

const directory = 'https://acme.example.net/directory';
const owner = { email: null, externalAccount: null };

/** A store, and an authority that makes accounts and takes no order; its pauses are the clock's. */
async function office(t: TestContext, Store = AcmeStore) {
  const folder = join(temporaryFolder(t), 'store');
  const clock = new FakeClock();
  const store = new Store(folder, directory, clock);
  await store.open();
  const asked: string[] = [];
  const connection = {
    directory: () => Promise.resolve({ newAccount: 'account', newOrder: 'order', renewalInfo: '', profiles: [] }),
    post: (url: string) => {
      asked.push(url);
      return Promise.resolve({ location: `${url}/${asked.length}`, json: {} });
    },
    pause: async (ms: number) => clock.advance(ms),
  } as unknown as AcmeConnection;
  const account = () => new AcmeAccount(connection, store, owner);
  const own = join(folder, authorityFolder(directory));
  return { own, clock, store, connection, asked, account };
}

describe('the account', () => {
  it('outlasts a stranger that was killed while it held the lock of the store', async (t) => {
    const { own, clock, account } = await office(t);
    writeFileSync(join(own, 'authority.lock'), JSON.stringify({ host: 'elsewhere', space: 'x', pid: 7, id: 'x' }));
    assert.equal((await account().signer()).account, 'account/1');
    assert.ok(clock.now() >= 60_000 && clock.now() < 61_000, String(clock.now()));
  });

  it('is not waited for without an end where the lock is held by one that lives', async (t) => {
    const { own, clock, account } = await office(t);
    const path = join(own, 'authority.lock');
    clock.every(10_000, () => writeFileSync(path, JSON.stringify({ host: 'elsewhere', at: clock.now() })));
    writeFileSync(path, '{}');
    await assert.rejects(account().signer(), /has held the lock of the store for more than a minute/);
  });

  it('that the authority has forgotten is made anew once, by however many orders that is met', async (t) => {
    const { store, asked, account } = await office(t);
    const [mine, others] = [account(), account()];
    const gone = await mine.signer();
    const goneToo = await others.signer();
    const replace = async (one: AcmeAccount, signer = gone) => {
      await one.withBooks(() => one.forget(signer));
      return one.signer();
    };
    const made = [await replace(mine), await replace(mine), ...(await Promise.all([replace(mine), replace(mine)]))];
    assert.deepEqual([made[0]!.account, new Set(made).size], ['account/2', 1]);
    // Another service of the store finds the new one there, and leaves it.
    assert.equal((await replace(others, goneToo)).account, 'account/2');
    assert.equal((await store.account())?.url, 'account/2');
    assert.equal(asked.length, 2);
  });
});

it('an order is not placed by who has lost the lock of its name meanwhile', async (t) => {
  class Robbed extends AcmeStore {
    override async keepBooks(...books: Parameters<AcmeStore['keepBooks']>): Promise<void> {
      await super.keepBooks(...books);
      writeFileSync(join(own, 'names', 'a.org.lock'), 'another');
    }
  }
  const { own, store, connection, asked, account } = await office(t, Robbed);
  const { signal } = new AbortController();
  const common = { store, connection, account: account(), challenges: ['http-01'], profile: null, signal } as const;
  const name = new KeptName('a.org', { ...common, log: new RecordingLog(), news: () => {} });
  await name.renew();
  assert.deepEqual(asked, []);
  assert.deepEqual([name.isElsewhere, name.failure], [true, null]);
  assert.equal((await store.books()).orders.length, 1, 'it came as far as that');
});
