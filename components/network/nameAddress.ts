/** The name of an address, now or formerly. */
export interface NameAddress {
  /** The DNS name. */
  name: string;
  /** The VIP. */
  address: string;
}
