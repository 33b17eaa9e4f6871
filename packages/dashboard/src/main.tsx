// Takes the place of the tables that the server had written into the page, as soon as the service has told something.

import { render } from 'preact';
import { App } from './app.tsx';
import { keepFocus } from './focus.ts';
import { Store } from './store.ts';

const root = document.getElementById('dashboard')!;
let isOurs = false;

const store = new Store((state) => {
  if (state.view === null) return;
  if (!isOurs) root.replaceChildren();
  isOurs = true;
  render(<App state={state} store={store} />, root);
});
keepFocus(root, () => document.getElementById('main'));
store.start();
