//! How a geometry is declared: plain data, a builder with defaults and, under the feature `source`, the expression that builds it.

/// Declares a geometry: the arguments of `new`; options, each with its default and a builder method of its name; options whose method is
/// written by hand; and what follows from all these.
macro_rules! geometry {
    (
        $(#[$meta:meta])*
        pub struct $name:ident [$($generics:tt)*] [$($names:tt)*] {
            $($(#[$argument_doc:meta])+ $argument:ident: $argument_type:ty,)+
        }
        options { $($(#[$option_doc:meta])+ $option:ident: $option_type:ty = $option_default:expr,)* }
        by_hand { $($(#[$hand_doc:meta])+ $hand:ident: $hand_type:ty = $hand_default:expr,)* }
        derived { $($(#[$derived_doc:meta])+ $derived:ident: $derived_type:ty = $derived_value:expr,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<$($generics)*> {
            $($(#[$argument_doc])+ pub $argument: $argument_type,)+
            $($(#[$option_doc])+ pub $option: $option_type,)*
            $($(#[$hand_doc])+ pub(crate) $hand: $hand_type,)*
            $($(#[$derived_doc])+ pub(crate) $derived: $derived_type,)*
        }

        impl<$($generics)*> $name<$($names)*> {
            /// With defaults for everything that has a method of its name.
            pub const fn new($($argument: $argument_type),+) -> Self {
                $name {
                    $($derived: $derived_value,)*
                    $($argument,)+
                    $($option: $option_default,)*
                    $($hand: $hand_default,)*
                }
            }

            $(
                $(#[$option_doc])+
                #[must_use]
                pub const fn $option(mut self, $option: $option_type) -> Self {
                    self.$option = $option;
                    self
                }
            )*
        }

        impl<$($generics)*> $crate::Expression for $name<$($names)*> {
            fn write(&self, to: &mut dyn core::fmt::Write) -> core::fmt::Result {
                let default = Self::new($(self.$argument),+);
                _ = &default;
                to.write_str("Kernel::new")?;
                $crate::expression::list(to, "(", &[$(&self.$argument),+], ")")?;
                $(if self.$option != default.$option {
                    $crate::expression::list(to, concat!(".", stringify!($option), "("), &[&self.$option], ")")?;
                })*
                $(if self.$hand != default.$hand {
                    $crate::expression::list(to, concat!(".", stringify!($hand), "("), &[&self.$hand], ")")?;
                })*
                Ok(())
            }
        }
    };
}
pub(crate) use geometry;

/// Declares a geometry of an input and an output of the same strided dimensions, and what it says of their lengths and, with `in_place`, of
/// an output over its input.
macro_rules! strided_geometry {
    (
        $(#[$meta:meta])*
        pub struct $name:ident [$($generics:tt)*] [$($names:tt)*] $(in_place: $is_in_place:ident)?
        options { $($options:tt)* }
        derived { $($derived:tt)* }
    ) => {
        $crate::geometry::geometry! {
            $(#[$meta])*
            pub struct $name [$($generics)*] [$($names)*] {
                /// Extents, outermost first.
                dims: [u32; $crate::views::MAX_RANK],
                /// Distance in the input for a step along each dimension.
                input: [u32; $crate::views::MAX_RANK],
                /// Distance in the output for a step along each dimension.
                output: [u32; $crate::views::MAX_RANK],
            }
            options { $($options)* }
            by_hand {}
            derived { $($derived)* }
        }

        impl<$($generics)*> $name<$($names)*> {
            /// The operands' lengths, or none where the geometry contradicts itself.
            pub const fn extent(&self) -> Option<$crate::views::Extent> {
                use $crate::views::{Extent, extent};

                match (extent(&self.dims, &self.input), extent(&self.dims, &self.output)) {
                    (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
                    _ => None,
                }
            }

            $(
                /// Whether every element of the output lies where the input's does, if both begin at the same place.
                pub(crate) const fn $is_in_place(&self) -> bool {
                    $crate::views::in_place(&self.dims, &self.input, &self.output)
                }
            )?
        }
    };
}
pub(crate) use strided_geometry;

/// Lets a kind without fields be written as its name, which `Debug` gives.
macro_rules! named {
    ($kind:ident) => {
        impl $crate::Expression for $kind {
            fn write(&self, to: &mut dyn core::fmt::Write) -> core::fmt::Result {
                write!(to, concat!("peleec_runtime::", stringify!($kind), "::{:?}"), self)
            }
        }
    };
}
pub(crate) use named;
