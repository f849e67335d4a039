/** A name that stands, or stood, for an address. */
export interface NameAddress {
  /** The DNS name. */
  name: string;
  /** The VIP. */
  address: string;
}
