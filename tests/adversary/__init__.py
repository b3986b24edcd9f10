"""A game between an adversary who edits an NSG and the operator in mode Enforce, without IO."""
