B
i64_as_f32J| DR(ЯcS═7Пр.n	SяUwсh≥с