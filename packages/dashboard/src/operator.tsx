// What an operator does: tells the token, and is asked before anything that cannot be undone.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Store } from './store.ts';

/** Something that may be done, and the question before it. */
export interface Act {
  readonly name: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly label: string;
  /** Asked first; absent: it is done at once. */
  readonly question?: string;
  /** For those who do not see where the button stands: "Recycle process 4242". */
  readonly of: string;
}

/** A button that does it; nothing where nothing may be done. */
export function ActButton({ store, act }: { readonly store: Store; readonly act: Act }) {
  const [state, setState] = useState<'ready' | 'asking' | 'doing'>('ready');
  if (store.state.token === null) return null;
  const run = (): void => {
    setState('doing');
    void store.act(act.name, act.parameters).finally(() => setState('ready'));
  };
  return (
    <>
      <button
        type="button"
        class="act"
        aria-label={act.of}
        // A button that is disabled loses the focus.
        aria-disabled={state === 'doing'}
        onClick={() => {
          if (state !== 'doing') act.question === undefined ? run() : setState('asking');
        }}
      >
        {act.label}
      </button>
      {state === 'asking' && (
        <Dialog title={act.of} onClose={() => setState('ready')}>
          <p>{act.question}</p>
          <div class="row end">
            <button type="button" onClick={() => setState('ready')}>
              Cancel
            </button>
            <button type="button" class="danger" onClick={run}>
              {act.label}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus in it, and gives it back. */
function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    element.current?.showModal();
    return () => before?.focus();
  }, []);
  return (
    <dialog ref={element} onClose={onClose} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

/** The button that asks for the token, or forgets it. */
export function Lock({ store }: { readonly store: Store }) {
  const [isAsking, setAsking] = useState(false);
  const { token, view } = store.state;
  if (view?.hasActions !== true) return null;
  return (
    <>
      <button type="button" onClick={() => (token === null ? setAsking(true) : store.lock())}>
        {token === null ? 'Unlock actions' : 'Lock actions'}
      </button>
      {isAsking && <TokenDialog store={store} onClose={() => setAsking(false)} />}
    </>
  );
}

function TokenDialog({ store, onClose }: { readonly store: Store; readonly onClose: () => void }) {
  const [fault, setFault] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const unlock = (event: Event): void => {
    event.preventDefault();
    void store.unlock(input.current?.value ?? '').then((isRight) => {
      if (isRight) onClose();
      else setFault(store.state.told?.message ?? '');
    });
  };
  return (
    <Dialog title="Unlock actions" onClose={onClose}>
      <form onSubmit={unlock}>
        <label for="token">The token of [admin]. It is kept until this tab is closed.</label>
        <input id="token" ref={input} type="password" autocomplete="off" required aria-describedby="token-fault" />
        <p id="token-fault" role="alert">
          {fault}
        </p>
        <div class="row end">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit">Unlock</button>
        </div>
      </form>
    </Dialog>
  );
}
