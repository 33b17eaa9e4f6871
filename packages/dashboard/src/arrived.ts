// The view as it arrives: where it was null, a patch has taken the key away. Types alone.

import type { LaneView, PoolView, ServiceView } from '../../../src/admin/dashboard-view.ts';

/** What is null at the service may be absent here. */
type Arrived<Value> = Value extends readonly (infer Item)[]
  ? readonly Arrived<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: null extends Value[Key] ? Arrived<Value[Key]> | undefined : Arrived<Value[Key]> }
    : Value;

export type Service = Arrived<ServiceView>;
export type Pool = Arrived<PoolView>;
export type Lane = Arrived<LaneView>;
