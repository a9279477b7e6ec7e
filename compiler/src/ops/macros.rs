//! The macro that makes the `Op` enum and its dispatch from the one list.

macro_rules! operators {
    ($($module:ident::$op:ident: $($name:literal $most:expr),*;)+) => {
        $(pub(crate) mod $module;)+
        $(pub(crate) use $module::$op;)+

        /// One operator of the graph.
        #[derive(Clone, PartialEq)]
        pub(crate) enum Op {
            $($op($op),)+
        }

        impl std::fmt::Debug for Op {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Op::$op(op) => op.fmt(f),)+
                }
            }
        }

        /// Every ONNX `op_type` that is supported, with its most inputs, and the doc text and the attributes of the file that holds it.
        pub(crate) const OPERATORS: &[(&str, usize, &str, &[KnownAttribute])] = &[
            $($(($name, $most, include_str!(concat!(stringify!($module), ".rs")), <$op as Operator>::ATTRIBUTES),)*)+
        ];

        impl Op {
            /// Reads a node, or `None` where its `op_type` is in no file of this folder.
            pub(crate) fn parse(node: &NodeView<'_>) -> Option<Result<Op, OpError>> {
                let most = OPERATORS.iter().find(|(name, ..)| *name == node.op_type)?.1;
                if node.inputs.len() > most {
                    let found = format!("`{}` has {} inputs", node.op_type, node.inputs.len());
                    return Some(Err(OpError::new(found).supported(format!("at most {most}"))));
                }
                if let Err(refused) = node.check_attributes() {
                    return Some(Err(refused));
                }
                $(
                    let names: &[&str] = &[$($name),*];
                    if names.contains(&node.op_type) {
                        return Some($op::parse(node).map(Op::$op));
                    }
                )+
                None
            }

            /// An ONNX `op_type` that says what the operator does, for people.
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    $(Op::$op(op) => op.op_type().unwrap_or(stringify!($op)),)+
                }
            }

            pub(crate) fn data_inputs(&self) -> usize {
                match self {
                    $(Op::$op(op) => op.data_inputs(),)+
                }
            }

            pub(crate) fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
                match self {
                    $(Op::$op(op) => op.infer(inputs),)+
                }
            }

            pub(crate) fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
                match self {
                    $(Op::$op(op) => op.evaluate(inputs),)+
                }
            }

            pub(crate) fn value(&self, inputs: &[Option<&TensorType>]) -> Option<Tensor> {
                match self {
                    $(Op::$op(op) => op.value(inputs),)+
                }
            }

            pub(crate) fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
                match self {
                    $(Op::$op(op) => op.runs(inputs),)+
                }
            }

            pub(crate) fn is_awaited(&self) -> bool {
                match self {
                    $(Op::$op(op) => op.is_awaited(),)+
                }
            }

            pub(crate) fn macs(&self, inputs: &[Option<&TensorType>]) -> u64 {
                match self {
                    $(Op::$op(op) => op.macs(inputs),)+
                }
            }

            pub(crate) fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
                match self {
                    $(Op::$op(op) => op.work(inputs),)+
                }
            }

            pub(crate) fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
                match self {
                    $(Op::$op(op) => op.lower(ctx),)+
                }
            }
        }
    };
}

pub(crate) use operators;
