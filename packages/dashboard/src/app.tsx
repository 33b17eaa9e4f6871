// The whole page: the head with the state of the service, the pools, the charts and lists of the pool that is looked at, and the service.

import { Charts } from './charts.tsx';
import { poolsOf } from './feed.ts';
import { formatCount, formatDuration } from './format.ts';
import { allPools } from './history.ts';
import { Lock } from './operator.tsx';
import { PoolDetail } from './pool-detail.tsx';
import { Pools } from './pools.tsx';
import { Ends, Slowest } from './requests.tsx';
import { Sections } from './sections.tsx';
import type { PageState, Store } from './store.ts';

/** The page as it is in one state. The store holds that same state. */
export function App({ state, store }: { readonly state: PageState; readonly store: Store }) {
  const { view, at } = state;
  if (view === null) return <p class="wait">Waiting for the service…</p>;
  const pools = poolsOf(view);
  const selected = pools.find(({ name }) => name === state.pool) ?? null;
  const shown = selected === null ? pools : [selected];
  const name = selected === null ? 'all pools' : `pool ${selected.name}`;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the pools
      </a>
      <Head state={state} store={store} />
      <main id="main" tabIndex={-1}>
        <Pools view={view} history={store.history} selected={selected?.name ?? null} at={at} />
        <Charts points={store.history.of(selected?.name ?? allPools)} name={name} />
        {selected !== null && <PoolDetail pool={selected} store={store} />}
        <section class="lists" aria-label={`Requests and processes of ${name}`}>
          <Slowest pools={shown} store={store} />
          <Ends pools={shown} />
        </section>
        <Sections view={view} at={at} />
      </main>
    </>
  );
}

/** The button goes with what was told. */
function forget(store: Store): void {
  document.getElementById('main')?.focus();
  store.set({ told: null });
}

const links = { connecting: 'connecting…', live: 'live', lost: 'no connection: trying again' } as const;

function Head({ state, store }: { readonly state: PageState; readonly store: Store }) {
  const { view, at, link, isPaused, withQuery, told } = state;
  const { version, pid, startedAt, notReady, hasActions } = view!;
  const isReady = notReady.length === 0;
  const slow = poolsOf(view!).reduce((sum, { counters }) => sum + counters.slow, 0);
  return (
    <header class="top">
      <div class="row">
        <h1>Postern</h1>
        <p class="muted">
          {version} · pid {pid} · up {formatDuration(Math.max(0, at - startedAt))}
        </p>
        <p class={`badge ${isReady ? 'good' : 'bad'}`} role="status">
          {isReady ? 'ready' : `not ready: ${notReady.join('; ')}`}
        </p>
        <p class={`badge ${isPaused ? '' : link}`} role="status">
          {isPaused ? 'paused' : links[link]}
        </p>
        <span class="space" />
        <a href="/slow">Slow requests: {formatCount(slow)}</a>
        <button type="button" aria-pressed={isPaused} onClick={() => store.pause(!isPaused)}>
          Pause
        </button>
        <button type="button" aria-pressed={withQuery} onClick={() => store.showQuery(!withQuery)}>
          Query strings
        </button>
        <Lock store={store} />
      </div>
      {told !== null && (
        <p class={`told ${told.ok ? 'good' : 'bad'}`} role="status">
          {told.message}{' '}
          <button type="button" onClick={() => forget(store)}>
            OK
          </button>
        </p>
      )}
      {!hasActions && (
        <p class="muted small">
          Actions are off: set token or tokenFile in [admin] to reload, recycle, drain and end requests here.
        </p>
      )}
    </header>
  );
}
