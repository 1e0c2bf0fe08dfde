/** Where the legal and service pages are, in the order in which they are named. */
export const HELP_LINKS = [
  ["/shipping", "Shipping"],
  ["/returns", "Returns"],
  ["/contact", "Contact"],
] as const;
export const LEGAL_LINKS = [
  ["/terms", "Terms"],
  ["/privacy", "Privacy"],
  ["/withdrawal", "Right of withdrawal"],
  ["/withdraw", "Withdraw from contract here"],
  ["/imprint", "Imprint"],
] as const;
